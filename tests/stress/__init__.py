"""Two promises under load, small in every test run and at full size by `make stress`: no hole, and one effect each."""
