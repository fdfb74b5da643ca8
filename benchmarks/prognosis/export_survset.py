"""Write the data sets of SurvSet as Parquet; runs in the peers' environment.

SurvSet ships pickles. They are read there, never in osler's process.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd
import polars as pl
from SurvSet.data import SurvLoader


def main(folder: Path) -> None:
    """Write every data set without time-varying features to folder/NAME.parquet."""
    folder.mkdir(parents=True, exist_ok=True)
    loader = SurvLoader()
    for row in loader.df_ds.itertuples():
        if row.is_td:
            continue
        frame = loader.load_dataset(ds_name=row.ds)["df"]
        columns: dict[str, object] = {
            "time": frame["time"].astype(float).to_numpy(),
            "event": frame["event"].astype(int).to_numpy(),
        }
        for name in frame.columns:
            if name.startswith("num_"):
                columns[name] = pd.to_numeric(frame[name]).astype(float).to_numpy()
            elif name.startswith("fac_"):
                columns[name] = [None if pd.isna(v) else str(v) for v in frame[name]]
        pl.DataFrame(columns, strict=False).fill_nan(None).write_parquet(
            folder / f"{row.ds}.parquet"
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
