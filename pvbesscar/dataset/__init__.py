"""The CityLearn dataset: sessions to charger files, forecasts, schema, manifest."""
