"""What Slipway claims about speed, measured: `make bench`."""
