-- release: ARGV = now, worker, task, task, ... Those that the worker holds are ready again.

for i = 3, #ARGV do
  local task = ARGV[i]
  local holder, priority, lost, handed = holding(call('HGET', run, 't' .. task))
  if holder == ARGV[2] then
    call('HSET', run, 't' .. task, 'r' .. lost .. ':' .. handed)
    call('ZREM', leases, task)
    call('ZADD', ready, priority, task)
  end
end
return answer()
