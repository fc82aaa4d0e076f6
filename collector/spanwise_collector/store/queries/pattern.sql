-- Fails when a regular expression is none; without a span to fit it, a search would not look at it.
SELECT match('', {pattern:String})
