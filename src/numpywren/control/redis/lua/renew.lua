-- renew: ARGV = now, worker, microseconds of the lease, task, task, ... Answers those that the worker holds.

local ends = text(now + tonumber(ARGV[3]))
local fields = {}
for i = 4, #ARGV do
  fields[i - 3] = 't' .. ARGV[i]
end
local kept, scores = answer(), {}
for i, record in ipairs(fetch(fields)) do
  if holding(record) == ARGV[2] then
    kept[#kept + 1] = ARGV[i + 3]
    scores[#scores + 1] = ends
    scores[#scores + 1] = ARGV[i + 3]
  end
end
send('ZADD', leases, scores)
return kept
