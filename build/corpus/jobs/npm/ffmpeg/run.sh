# Sound and picture made, compressed, unpacked and measured, with the instructions that both machines have. `flags`: no version in the files.
convert() {
  ffmpeg -hide_banner -loglevel error -cpuflags sse4.2 "$@" < /dev/null
}
flags='-fflags +bitexact -flags +bitexact -map_metadata -1'
convert -f lavfi -i 'sine=frequency=440:duration=1' $flags tone.flac
convert -i tone.flac $flags -ar 8000 tone.wav
convert -f lavfi -i 'testsrc=size=64x48:rate=5:duration=1' $flags -c:v ffv1 test.mkv
convert -threads 2 -i test.mkv $flags -vf 'scale=32:24:flags=bitexact+accurate_rnd' -f framemd5 -
convert -i test.mkv $flags -frames:v 1 frame.png
ls
