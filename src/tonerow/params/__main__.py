"""Prints the names in a section of ``params.yaml``, one a line: ``python -m tonerow.params models``."""

import sys

from tonerow.params import ParamsError, load

SECTIONS = ("models", "corpora")


def main() -> None:
    """Prints the keys of the section that the command names."""
    arguments = sys.argv[1:]
    if len(arguments) != 1 or arguments[0] not in SECTIONS:
        sys.exit(f"python -m tonerow.params got {arguments}; allowed: one of {', '.join(SECTIONS)}")
    try:
        print(*load().model_dump()[arguments[0]], sep="\n")
    except ParamsError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
