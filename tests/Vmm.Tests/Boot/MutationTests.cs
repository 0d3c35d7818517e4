using System.Buffers.Binary;
using System.Diagnostics;
using KvmSevVmm.TestSupport;
using KvmSevVmm.Vmm.Boot;
using KvmSevVmm.Vmm.Memory;
using KvmSevVmm.Vmm.Sev;
using Xunit;

namespace KvmSevVmm.Vmm.Tests.Boot;

/// <summary>Damaged kernels by the hundred thousand: each loads or is refused, and nothing is written outside RAM.</summary>
public sealed class MutationTests
{
    private const int Rounds = 100_000;
    private const ulong MemoryBytes = 4UL << 20;

    private static readonly ulong[] Interesting =
    [
        0, 1, 2, 4, 0xFF, 0x100, 0xFFF, 0x1000, 0x1001, 0x7FFF, 0x8000, 0xFFFF, 0x10_0000, 0x1F_FFFF, 0x20_0000, 0x3F_F000, 0x40_0000,
        0x7FFF_FFFF, 0x8000_0000, 0xC000_0000, 0xFFFF_F000, 0xFFFF_FFFF, 0x1_0000_0000, 0x7FFF_FFFF_FFFF_FFFF, 0x8000_0000_0000_0000,
        0xFFFF_FFFF_FFFF_F000, 0xFFFF_FFFF_FFFF_FFFF,
    ];

    [Fact]
    public void Load_MutatedBzImages_LoadOrAreRefused()
    {
        byte[] original = new BzImageBuilder { PrefAddress = 0x10_0000, KernelAlignment = 0x10_0000, ProtectedModeSize = 0x800 }.Build();

        SortedSet<string> fields = Run(original, headerStart: 0x1F1, headerEnd: 0x270);

        string[] expected =
        [
            "boot_flag", "header", "init_size", "jump", "kernel_alignment", "loadflags", "payload_length", "pref_address", "setup_sects",
            "size", "syssize", "version", "xloadflags",
        ];
        Assert.Empty(expected.Except(fields));
    }

    [Fact]
    public void Load_MutatedElfFiles_LoadOrAreRefused()
    {
        byte[] original = new ElfBuilder()
            .Load(0x20_0000, new byte[64])
            .Load(0x30_0010, new byte[32], 0x2000)
            .Load(0x28_0000, new byte[16])
            .Notes(new ElfNote("GNU\0", 3, new byte[20]), new ElfNote("Xen\0", 18, [4, 0, 0x20, 0]))
            .Build();

        SortedSet<string> fields = Run(original, headerStart: 0, headerEnd: original.Length);

        string[] expected =
        [
            "EI_CLASS", "EI_DATA", "EI_VERSION", "e_type", "e_machine", "e_version", "e_phentsize", "e_phnum", "e_phoff", "e_entry",
            "p_offset of program header 0", "p_paddr of program header 0", "p_filesz of program header 1", "p_memsz of program header 1",
            "p_align of program header 2", "p_type of program header 2", "p_filesz of program header 3", "XEN_ELFNOTE_PHYS32_ENTRY",
        ];
        Assert.Empty(expected.Except(fields));
    }

    /// <summary>Loads mutants and collects the fields that were named in refusals.</summary>
    private static SortedSet<string> Run(byte[] original, int headerStart, int headerEnd)
    {
        int seed = Seeds.Next();
        Random random = new(seed);
        SortedSet<string> fields = new(StringComparer.Ordinal);
        byte[] initrd = new byte[5000];
        int loaded = 0;
        TimeSpan slowest = TimeSpan.Zero;
        Stopwatch clock = Stopwatch.StartNew();
        using GuardedMemory plain = new(GuestLayout.Create(MemoryBytes, 40));
        using GuardedMemory encrypted = new(GuestLayout.Create(MemoryBytes, 40, SevMode.Simulated, 39));
        for (int round = 0; round < Rounds; round++)
        {
            byte[] mutant = Mutate(original, headerStart, headerEnd, random);
            GuardedMemory guarded = random.Next(2) == 0 ? plain : encrypted;
            TimeSpan start = clock.Elapsed;
            try
            {
                LoadedImage image = LoadedSample.Load(mutant, guarded.Memory, random.Next(4) == 0 ? initrd : null, "quiet");
                CheckLoaded(image, guarded.Memory);
                loaded++;
            }
            catch (InvalidInputException e)
            {
                fields.Add(e.Field);
            }
            catch (Exception e)
            {
                Assert.Fail($"seed {seed}, round {round}, {Convert.ToHexString(mutant.AsSpan(0, Math.Min(mutant.Length, 1024)))}: {e}");
            }

            slowest = clock.Elapsed - start > slowest ? clock.Elapsed - start : slowest;
            Assert.True(guarded.IsIntact, $"seed {seed}, round {round}: written outside RAM");
        }

        TestContext.Current.TestOutputHelper?.WriteLine(
            $"{loaded} of {Rounds} loaded, in {clock.ElapsedMilliseconds} ms, the slowest in {slowest.TotalMilliseconds:f1} ms");
        Assert.InRange(loaded, Rounds / 50, Rounds * 49 / 50);

        // Some 5 s of processor time for each loader; the limits leave room for a machine that is busy with other tests.
        Assert.InRange(slowest.TotalSeconds, 0, 5);
        Assert.InRange(clock.Elapsed.TotalSeconds, 0, 60);
        return fields;
    }

    private static void CheckLoaded(LoadedImage image, GuestMemory memory)
    {
        bool entered = false;
        for (int i = 0; i < image.Measured.Count; i++)
        {
            GpaRange range = image.Measured[i].Range;
            Assert.True(range.IsPageAligned && !range.IsEmpty && memory.Contains(range));
            entered |= image.Measured[i].Name == "kernel" && range.Contains(image.EntryPoint);
            for (int j = 0; j < i; j++)
            {
                Assert.False(range.Overlaps(image.Measured[j].Range));
            }
        }

        Assert.True(entered);
    }

    private static byte[] Mutate(byte[] original, int headerStart, int headerEnd, Random random)
    {
        byte[] mutant = (byte[])original.Clone();
        for (int count = random.Next(1, 4); count > 0; count--)
        {
            int offset = random.Next(8) == 0 ? random.Next(mutant.Length) : random.Next(headerStart, Math.Min(headerEnd, mutant.Length));
            switch (random.Next(6))
            {
                case 0:
                    mutant[offset] ^= (byte)(1 << random.Next(8));
                    break;
                case 1:
                    mutant[offset] = (byte)random.Next(256);
                    break;
                case 2:
                case 3:
                    PutInteresting(mutant.AsSpan(offset), random);
                    break;
                case 4:
                    PutInteresting(mutant.AsSpan(offset & ~7), random);
                    break;
                default:
                    // Shorter or longer, but rarely: most such files are refused at once.
                    if (random.Next(4) == 0)
                    {
                        Array.Resize(ref mutant, random.Next(headerStart + 1, original.Length + 512));
                    }

                    break;
            }
        }

        return mutant;
    }

    private static void PutInteresting(Span<byte> target, Random random)
    {
        Span<byte> bytes = stackalloc byte[8];
        ulong value = Interesting[random.Next(Interesting.Length)];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, value);
        int length = Math.Min(1 << random.Next(4), target.Length);
        bytes[..length].CopyTo(target);
    }
}
