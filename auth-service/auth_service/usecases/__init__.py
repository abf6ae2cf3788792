"""What people do: the order of steps across stores."""
