"""The published APIs, `/api/<name>/…`: releases served over REST in BioThings' shapes."""
