"""The upload worker: parses dumps with their plugins, stores the documents, and looks at them."""
