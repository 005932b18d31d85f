"""The product for Python: functions with the words of the commands, results that show themselves, an estimator."""
