"""The control plane in Redis or Valkey, for any number of machines that reach one server, or a cluster."""
