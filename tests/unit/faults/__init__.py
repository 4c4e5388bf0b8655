"""Unit tests of the rig that injects faults."""
