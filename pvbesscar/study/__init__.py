"""Studies: agents trained with several seeds, judged beside the other controllers, with intervals over both."""
