"""`python -m acdc_custom`."""

from acdc_custom.cli import main

if __name__ == "__main__":
    main()
