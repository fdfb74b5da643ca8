"""Treatment: what is likely to help whom, with intervals, and when the data do not say."""
