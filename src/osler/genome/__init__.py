"""What a person's variants mean: for drugs, for a tumour, for common risk and for rare disease."""
