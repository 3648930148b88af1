"""The second reading: Great Expectations judges the files that CityLearn will read and the results that are published.

Nothing here uses the code that wrote those files or the quality rules; the settings give the declared numbers.
"""
