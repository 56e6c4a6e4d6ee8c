-- What wrk asks for: wrk ... -s requests.lua URL -- KIND ARGUMENTS. Host comes from wrk's -H.

local kinds = {}

-- From here on, one after another: `fresh SIZE START`.
function kinds.fresh(size, start)
   local next = tonumber(start) - 1
   local prefix = "/" .. size .. "/"
   return function()
      next = next + 1
      return wrk.format(nil, prefix .. string.format("%d", next))
   end
end

-- One of COUNT objects, the first far more often than the last (Zipf's law, exponent 1): `zipf SIZE COUNT SEED`.
function kinds.zipf(size, count, seed)
   count = tonumber(count)
   math.randomseed(tonumber(seed))
   local requests, sums, sum = {}, {}, 0
   for rank = 1, count do
      requests[rank] = wrk.format(nil, "/" .. size .. "/" .. (rank - 1))
      sum = sum + 1 / rank
      sums[rank] = sum
   end
   local drawn = {}
   for i = 1, 100000 do
      local wanted, low, high = math.random() * sum, 1, count
      while low < high do
         local middle = math.floor((low + high) / 2)
         if sums[middle] < wanted then low = middle + 1 else high = middle end
      end
      drawn[i] = requests[low]
   end
   local at = 0
   return function()
      at = at % #drawn + 1
      return drawn[at]
   end
end

-- Any of COUNT objects, each as often as the other: `uniform SIZE COUNT SEED`.
function kinds.uniform(size, count, seed)
   count = tonumber(count)
   math.randomseed(tonumber(seed))
   local prefix = "/" .. size .. "/"
   return function()
      return wrk.format(nil, prefix .. math.random(0, count - 1))
   end
end

-- One of the pieces of a large object: `pieces PATH LENGTH PIECE`.
function kinds.pieces(path, length, piece)
   length, piece = tonumber(length), tonumber(piece)
   local requests = {}
   for start = 0, length - piece, piece do
      local fields = { Host = wrk.headers["Host"], Range = "bytes=" .. start .. "-" .. (start + piece - 1) }
      requests[#requests + 1] = wrk.format(nil, path, fields)
   end
   math.randomseed(1)
   return function()
      return requests[math.random(#requests)]
   end
end

-- The same path of any of COUNT hosts dN.test: `hosts PATH COUNT`.
function kinds.hosts(path, count)
   local requests = {}
   for host = 0, tonumber(count) - 1 do
      requests[#requests + 1] = wrk.format(nil, path, { Host = "d" .. host .. ".test" })
   end
   math.randomseed(1)
   return function()
      return requests[math.random(#requests)]
   end
end

function init(arguments)
   request = kinds[arguments[1]](unpack(arguments, 2))
end
