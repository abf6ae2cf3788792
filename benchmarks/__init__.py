"""The benchmarks of `make bench`, which compare Doorward with other programs."""
