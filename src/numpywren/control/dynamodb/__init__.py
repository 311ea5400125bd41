"""The control plane in a DynamoDB table, with nothing idle to pay for."""
