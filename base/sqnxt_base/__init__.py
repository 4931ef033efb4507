"""Code that the three packages share. It needs the standard library only.

| file | role |
|---|---|
| `errors` | the tree of errors: object, fault and remedy |
| `flat_rows` | nested rows as flat ones, for CSV and data frames |
| `proportion` | the confidence interval of a counted fraction |
| `public_names` | the public names of a package, loaded when they are first used |
"""
