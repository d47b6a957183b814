"""Run the command line from a checkout: `python cli.py discover --task latest_s`."""

from acdc_custom.cli import main

if __name__ == "__main__":
    main()
