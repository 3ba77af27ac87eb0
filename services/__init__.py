"""One folder a service. A service never imports another one; they meet in schemas."""
