options(psyrl.threads = 2)
