"""Messages on the wire: errors, tensors, and the checks of what arrives."""
