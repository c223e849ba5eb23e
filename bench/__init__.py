"""The bench: what a request costs the server, on a province of 100,000 made-up doctors."""
