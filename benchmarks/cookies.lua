-- Asks with the lines of a file as cookies, one after the other.
local cookies, next_one = {}, 0

function init(arguments)
  for line in io.lines(arguments[1]) do
    cookies[#cookies + 1] = line
  end
end

function request()
  next_one = next_one % #cookies + 1
  return wrk.format("GET", nil, {["Cookie"] = cookies[next_one], ["Host"] = wrk.headers["Host"]})
end
