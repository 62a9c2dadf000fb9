"""``python -m deid`` is ``deid``."""

from deid.cli import main

# A worker process of the command line imports this module again under another name.
if __name__ == "__main__":
    main()
