"""The gate on folders in CityLearn's format, whoever wrote them."""
