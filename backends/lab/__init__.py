"""The small bootable guest image `lab`, built from the machine's own packages."""
