-- status: ARGV = now, LONGEST. Answers state, total, repeated, failure, poison, ready, running, workers, then task,
-- worker, microseconds for each of the leases held longest.

local repeated, failure, poison = unpack(call('HMGET', run, '.repeated', '.failure', '.poison'))
local held = call('ZRANGEBYSCORE', leases, '(' .. text(now), '(+inf')
local fields, rows, workers, names = {}, {}, 0, {}
for i, task in ipairs(held) do
  fields[i] = 't' .. task
end
for i, record in ipairs(fetch(fields)) do
  local worker, _, _, _, since = holding(record)
  if not names[worker] then
    names[worker] = true
    workers = workers + 1
  end
  rows[i] = {tonumber(since), held[i], worker}
end
table.sort(rows, function(a, b)
  return a[1] < b[1] or (a[1] == b[1] and a[2] < b[2])
end)
local expired = call('ZCARD', leases) - 1 - #held
local told = answer(meta[1], meta[5], repeated, failure or '', poison or '', call('ZCARD', ready) - 1 + expired, #held, workers)
for i = 1, math.min(#rows, tonumber(ARGV[2])) do
  told[#told + 1] = rows[i][2]
  told[#told + 1] = rows[i][3]
  told[#told + 1] = text(now - rows[i][1])
end
return told
