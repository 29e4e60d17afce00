"""Predictions on their way to users: batches scored, rollouts decided, published rows put right, requests answered."""
