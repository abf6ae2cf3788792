"""The use cases, each with the order of its steps across stores."""
