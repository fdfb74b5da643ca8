"""`python -m osler.knowledge seal FOLDER`: fill in the digests of a release in the making."""

import sys
from pathlib import Path

from osler.knowledge.sealing import seal

if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] != "seal":
        sys.exit("python -m osler.knowledge seal FOLDER")
    release = seal(Path(sys.argv[2]))
    sys.stdout.write(f"{release.name}: {len(release.tables)} tables, sha256 {release.sha256}\n")
