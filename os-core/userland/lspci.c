// lspci [-n] [-v]: what is on the PCI bus, from /sys/bus/pci; -n numbers only, -v also interrupts and address ranges.

#include "proc.h"

#define DEVICES "/sys/bus/pci/devices"

struct name {
  unsigned number;
  const char *text;
};

/* Base class and subclass (PCI Code and ID Assignment Specification). */
static const struct name classes[] = {
    {0x0100, "SCSI storage controller"}, {0x0180, "Mass storage controller"}, {0x0200, "Ethernet controller"},
    {0x0300, "VGA compatible controller"}, {0x0380, "Display controller"},    {0x0600, "Host bridge"},
    {0x0601, "ISA bridge"},               {0x0604, "PCI bridge"},             {0x0780, "Communication controller"},
    {0x00ff, "Unclassified device"},      {0x1000, "Encryption controller"},  {0x1080, "Encryption controller"},
};
/* 1af4:1040 + device type (virtio 1.2, 4.1.2.1 and 5). */
static const struct name virtio[] = {
    {1, "network"}, {2, "block device"}, {3, "console"}, {4, "entropy source"}, {20, "crypto device"}, {16, "GPU"},
};

static const char *find(const struct name *names, size_t count, unsigned number) {
  for (size_t i = 0; i < count; i++)
    if (names[i].number == number) return names[i].text;
  return NULL;
}
#define FIND(names, number) find(names, sizeof names / sizeof *names, number)

static const char *text_of(const char *slot, const char *file, char *buffer, size_t size) {
  char path[128];
  snprintf(path, sizeof path, DEVICES "/%s/%s", slot, file);
  if (read_file(path, buffer, size) < 0) {
    complain(path);
    exit(1);
  }
  return buffer;
}
static unsigned number_of(const char *slot, const char *file, int base) {
  char text[32];
  return (unsigned)strtoul(text_of(slot, file, text, sizeof text), NULL, base);
}

static void show_ranges(const char *slot) {
  char text[1024];
  unsigned irq = number_of(slot, "irq", 10);
  if (irq != 0) printf("\tInterrupt: line %u\n", irq);
  text_of(slot, "resource", text, sizeof text);
  char *line = strtok(text, "\n");
  for (int bar = 0; line != NULL; bar++, line = strtok(NULL, "\n")) {
    unsigned long long start, end, flags;
    if (sscanf(line, "%llx %llx %llx", &start, &end, &flags) != 3 || end == 0) continue;
    unsigned long long bytes = end - start + 1;
    printf("\tRegion %d: %s at %llx [size=%llu%s]\n", bar, (flags & 0x100) != 0 ? "I/O ports" : "Memory", start,
           bytes >= 1048576 ? bytes >> 20 : bytes >= 1024 ? bytes >> 10 : bytes,
           bytes >= 1048576 ? "M" : bytes >= 1024 ? "K" : "");
  }
}

static void show(const char *slot, int numeric, int verbose) {
  unsigned class = number_of(slot, "class", 16), vendor = number_of(slot, "vendor", 16);
  unsigned device = number_of(slot, "device", 16), revision = number_of(slot, "revision", 16);
  // All are in domain 0, which is left out as usual.
  printf("%s ", strncmp(slot, "0000:", 5) == 0 ? slot + 5 : slot);
  const char *kind = FIND(classes, class >> 8);
  if (numeric || kind == NULL) printf("%04x: ", class >> 8);
  else printf("%s: ", kind);
  const char *type = vendor == 0x1af4 && device >= 0x1040 ? FIND(virtio, device - 0x1040) : NULL;
  if (!numeric && type != NULL) printf("Virtio %s [%04x:%04x]", type, vendor, device);
  else printf("%04x:%04x", vendor, device);
  if (revision != 0) printf(" (rev %02x)", revision);
  printf("\n");
  if (verbose) show_ranges(slot);
}

int main(int argc, char **argv) {
  program_name = "lspci";
  int option, numeric = 0, verbose = 0;
  while ((option = getopt(argc, argv, "nv")) != -1) {
    if (option == 'n') numeric = 1;
    else if (option == 'v') verbose = 1;
    else usage("lspci [-n] [-v]");
  }
  if (optind < argc) usage("lspci [-n] [-v]");
  struct dirent **entries;
  int count = scandir(DEVICES, &entries, NULL, alphasort);
  if (count < 0) {
    complain(DEVICES);
    return 1;
  }
  for (int i = 0; i < count; i++)
    if (entries[i]->d_name[0] != '.') show(entries[i]->d_name, numeric, verbose);
  return finish_output(0);
}
