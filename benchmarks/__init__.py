"""How fast Doorward is, against what it is compared with: `make bench`."""
