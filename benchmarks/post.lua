-- wrk asks with GET unless told otherwise.
wrk.method = "POST"
