"""The settings that every predictor takes, in scikit-learn's manner."""

from __future__ import annotations

from typing import Any, Self

from osler.errors import Fault, InputError

NOT_FITTED = "the model has not been fitted; call fit first"
FIT_ANEW = "to learn from more, fit anew on all rows"


class Parameters:
    """Gives `get_params` and `set_params` over the names in `_settings`, and keeps notes."""

    _settings: tuple[str, ...] = ()
    _fit_notes: tuple[str, ...] = ()
    _call_notes: tuple[str, ...] = ()

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the settings by name; `deep` is there for scikit-learn."""
        del deep
        return {name: getattr(self, name) for name in self._settings}

    def set_params(self, **settings: Any) -> Self:
        """Change settings by name.

        Raises
        ------
        InputError
            If there is no such setting.
        """
        unknown = [name for name in settings if name not in self._settings]
        if unknown:
            known = ", ".join(self._settings)
            raise InputError([Fault("set_params", name, f"one of {known}") for name in unknown])
        for name, value in settings.items():
            setattr(self, name, value)
        return self

    @property
    def notes(self) -> tuple[str, ...]:
        """What is worth knowing of the fit and of the last call, in sentences."""
        return (*self._fit_notes, *self._call_notes)

    def __repr__(self) -> str:
        settings = ", ".join(f"{name}={value!r}" for name, value in self.get_params().items())
        return f"{type(self).__name__}({settings})"
