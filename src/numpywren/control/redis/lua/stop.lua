-- stop: ARGV = now, state, failure as JSON. The first failure of a running run stays.

if meta[1] == 'running' then
  call('HSET', run, '.state', ARGV[2], '.failure', ARGV[3])
end
return answer()
