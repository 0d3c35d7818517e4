using System.Diagnostics;
using KvmSevVmm.Sev.Tests.Firmware;
using KvmSevVmm.Vmm.Acpi;
using KvmSevVmm.Vmm.Boot;
using KvmSevVmm.Vmm.Memory;
using KvmSevVmm.Vmm.Sev;
using KvmSevVmm.Vmm.Sharing;
using KvmSevVmm.Vmm.Sharing.Attribution;
using KvmSevVmm.Vmm.Tests.Acpi;
using Xunit;

namespace KvmSevVmm.Vmm.Tests.Boot;

/// <summary>Labels for what lies in RAM before the guest's first instruction.</summary>
public sealed class LoadedRegionsTests : IDisposable
{
    private readonly TempDirectory _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void DirectBoot_NamesItsAcpiTablesAndAllElse_PageByPage()
    {
        using GuestMemory memory = GuestMemory.Create(GuestLayout.Create(8UL << 20, 40));
        byte[] kernel = new ElfBuilder().Load(0x20_0000, [0xF4]).Build();
        using KernelImage parsed = KernelImage.Parse(ImageSource.FromMemory("vmlinuz", kernel));
        LoadedImage image = LoadedImage.Load(parsed, null, "quiet", memory, AcpiTables.Create(2, AcpiSamples.Platform));

        List<string> words = Words(LoadedRegions.Of(image, [], SevMode.None, memory.Ranges));

        Assert.Equal(
            [
                "[0x6000, 0x7000) loader: GDT", "[0x7000, 0x8000) loader: zero page", "[0x9000, 0xf000) loader: page tables",
                "[0x20000, 0x21000) loader: command line", "[0xe0000, 0xe1000) loader: ACPI tables",
                "[0xff000, 0x100000) loader: reset vector", "[0x200000, 0x201000) loader: kernel",
            ],
            words);
    }

    [Fact]
    public void Firmware_NamesItsAreas_AndAPageOfTwoNamesBoth()
    {
        LoadedImage image = Load(out GuestMemory memory);
        using (memory)
        {
            Assert.Equal(
                ["[0x810000, 0x811000) loader: hash table, secret area", "[0xffffc000, 0x100000000) loader: firmware"],
                Words(LoadedRegions.Of(image, [], SevMode.Sev, memory.Ranges)));
            Assert.Equal(
                [
                    "[0x800000, 0x809000) loader: SNP SEC_MEM", "[0x80d000, 0x80e000) loader: SNP SECRETS",
                    "[0x80e000, 0x80f000) loader: SNP CPUID", "[0x80f000, 0x810000) loader: SNP SVSM_CAA",
                    "[0x810000, 0x811000) loader: hash table, SNP KERNEL_HASHES, secret area",
                    "[0xffffc000, 0x100000000) loader: firmware",
                ],
                Words(LoadedRegions.Of(image, SnpLaunchPlan.Create(image.Firmware!, memory), SevMode.SevSnp, memory.Ranges)));
        }
    }

    [Fact]
    public void SecretArea_OutsideRamOrOfAPlainGuest_IsNotNamed()
    {
        LoadedImage image = Load(out GuestMemory memory);
        using (memory)
        {
            Assert.DoesNotContain(
                Words(LoadedRegions.Of(image, [], SevMode.None, memory.Ranges)),
                static words => words.Contains("secret", StringComparison.Ordinal));
            Assert.Empty(LoadedRegions.Of(image, [], SevMode.Sev, [new GpaRange(default, 0x1000)]));
        }
    }

    [Fact]
    public void EventLog_WithAHashTable_IsReplayed()
    {
        LoadedImage image = Load(out GuestMemory memory);
        using MemoryStream stream = new();
        using (memory)
        using (EventLog log = new(stream, Stopwatch.GetTimestamp()))
        {
            log.Machine("sev", 47, 64UL << 20, "map-gpa-range", DateTimeOffset.UnixEpoch);
            var ram = new RangeLabel(RegionNames.Ram, LabelCertainty.Exact);
            foreach (LabelledRange region in memory.Ranges.Select(range => new LabelledRange(range, ram))
                .Concat(LoadedRegions.Of(image, [], SevMode.Sev, memory.Ranges)))
            {
                log.Region(region);
            }
        }

        EventLogReplay replay = EventLogReplay.Run(new MemoryStream(stream.ToArray()), "events.jsonl");
        SharedRegionMap map = MapAttribution.Label(replay.Snapshot(), replay.Evidence());

        Assert.Contains(map.Labels, static label =>
            label.Label.Text == "loader: hash table, secret area" && label.Range == GpaRange.FromBounds(0x81_0000, 0x81_1000));
    }

    private static List<string> Words(IEnumerable<LabelledRange> labels)
    {
        Assert.All(labels, static label => Assert.Equal(LabelCertainty.Exact, label.Label.Certainty));
        return [.. labels.Select(static label => $"{label.Range} {label.Label.Text}")];
    }

    private LoadedImage Load(out GuestMemory memory)
    {
        GuestFirmware firmware = GuestFirmware.Read(
            new BootConfig(
                _folder.Write("kernel", "kernel"u8.ToArray()), null, "quiet", _folder.Write("OVMF.fd", OvmfBuilder.Complete().ToBytes())),
            withHashes: true);
        memory = GuestMemory.Create(GuestLayout.Create(64UL << 20, 48, SevMode.Sev, 47, firmware.Length));
        return LoadedImage.LoadFirmware(firmware, memory);
    }
}
