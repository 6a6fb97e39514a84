# Counts words of its own text, formats numbers, splits, substitutes, sorts through a pipe.
{ for (i = 1; i <= NF; i++) { gsub(/[^a-z]/, "", $i); if ($i != "") words[$i]++ } }
END {
  for (w in words) print words[w], w | "sort -k1,1nr -k2,2"
  close("sort -k1,1nr -k2,2")
  printf "%.6f %e %g %x %c\n", atan2(0, -1), exp(10), log(2), 255, 65
  n = split("a:b:c", parts, ":"); print n, parts[3]
  "echo from a command" | getline line; print line
  print "to a file" > "awk.txt"
  print substr("substring", 4), index("needle in hay", "hay"), length("abc"), toupper("up")
  exit 7
}
