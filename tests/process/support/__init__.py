"""What tests of whole programs share: nodes, ports, clients, and a fake service."""
