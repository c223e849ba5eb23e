"""A notice of 定考示范省, a made-up province: the example of docs/plugins."""
