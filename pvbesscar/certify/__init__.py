"""The twin proven equal to CityLearn: comparison, policies that reach every branch, certificate."""
