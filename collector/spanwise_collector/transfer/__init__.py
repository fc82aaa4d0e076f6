"""Spans as files: `spanwise collector export` and `import`."""
