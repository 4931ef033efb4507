"""Code that the three packages share. It needs the standard library only.

| file | role |
|---|---|
| `errors` | the tree of errors: object, fault and remedy |
| `printable_text` | text from files, as every way out shows it: terminal, CSV, pictures and HTML |
| `user_files` | files from users: regular ones only, up to a size, in UTF-8 |
| `json_text`, `toml_text` | the readers of JSON and TOML from users: size and depth are checked before parsing |
| `csv_text` | the writer of CSV |
| `durable` | files and names that survive a power cut |
| `flat_rows` | nested rows as flat ones, for CSV and data frames |
| `proportion` | the confidence interval of a counted fraction |
| `limits`, `opening` | limits on memory and time for files from anyone, and the marks where such a file is opened |
| `machine` | cores and memory of the machine, or of the container |
| `public_names` | the public names of a package, loaded when they are first used |
| `watching` | the watch on a process that opens such a file |
| `quantities` | numbers with suffixes, as in 940k or 64Ki |
"""
