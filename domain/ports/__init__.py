"""The ports: what the domain needs of stores, engines and disks, as obligations that an adapter can be written from."""
