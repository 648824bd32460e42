"""The policy: what a request names, its model and adapters, its versions."""
