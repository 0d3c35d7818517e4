using System.Security.Cryptography;
using KvmSevVmm.Sev.Firmware;
using Xunit;

namespace KvmSevVmm.Sev.Tests.Firmware;

public sealed class SevHashTableTests
{
    private static readonly byte[] Kernel = SHA256.HashData("kernel"u8);
    private static readonly byte[] Initrd = SHA256.HashData("initrd"u8);

    [Fact]
    public void Bytes_ThreeHashes_AreLaidOutAsQemuDoes()
    {
        KernelHashes hashes = KernelHashes.Compute(
            new MemoryStream("kernel"u8.ToArray()),
            new MemoryStream("initrd"u8.ToArray()),
            "console=ttyS0");

        SevHashTable table = hashes.ToTable();

        Assert.Equal(
            "06d63894224fc94cb479a793d411fd21" + "a800"
            + "d82dd09720bd944caa78e7714d36ab2a" + "3200" + Convert.ToHexStringLower(SHA256.HashData("console=ttyS0\0"u8))
            + "31f7ba442f3ad74b9af141e29169781d" + "3200" + Convert.ToHexStringLower(Initrd)
            + "3794e74dd2ab7f42b835d5b172d2045b" + "3200" + Convert.ToHexStringLower(Kernel)
            + "0000000000000000",
            Convert.ToHexStringLower(table.Bytes));
    }

    [Fact]
    public void ToTable_NoInitrdAndNoCommandLine_CountAsEmptyAndAsASingleNul()
    {
        SevHashTable table = new KernelHashes(Kernel, null, string.Empty).ToTable();

        Assert.Equal(SHA256.HashData([]), table.InitrdHash);
        Assert.Equal(SHA256.HashData([0]), table.CommandLineHash);
        Assert.Equal(table, new KernelHashes(Kernel, SHA256.HashData([]), string.Empty).ToTable());
        Assert.NotEqual(table, new KernelHashes(Kernel, null, " ").ToTable());
    }

    [Fact]
    public void Compute_Files_HashesTheirBytes()
    {
        string path = Path.GetTempFileName();
        try
        {
            File.WriteAllText(path, "kernel");

            KernelHashes hashes = KernelHashes.Compute(path, null, null);

            Assert.Equal(Kernel, hashes.KernelHash.ToArray());
            Assert.Null(hashes.InitrdHash);
            Assert.Equal(string.Empty, hashes.CommandLine);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void Parse_Bytes_GivesTheTableBack()
    {
        SevHashTable table = new KernelHashes(Kernel, Initrd, "x").ToTable();

        Assert.Equal(table, SevHashTable.Parse(table.Bytes, "table"));
        Assert.Equal(table, SevHashTable.Parse(table.Bytes[..SevHashTable.Size], "table"));
        Assert.Equal(table.GetHashCode(), SevHashTable.Parse(table.Bytes, "table").GetHashCode());
    }

    [Fact]
    public void Parse_AnyBitFlippedOutsideTheHashes_IsRefused()
    {
        SevHashTable table = new KernelHashes(Kernel, Initrd, "x").ToTable();
        foreach ((int bit, byte[] damaged) in BitFlips.Of(table.Bytes.ToArray()))
        {
            int offset = bit / 8;
            bool isHash = offset is (>= 36 and < 68) or (>= 86 and < 118) or (>= 136 and < 168);
            if (isHash)
            {
                Assert.NotEqual(table, SevHashTable.Parse(damaged, "table"));
            }
            else
            {
                Assert.Throws<SevFormatException>(() => SevHashTable.Parse(damaged, "table"));
            }
        }
    }

    [Fact]
    public void ToPage_FirmwareThatChecksHashes_PutsTheTableAtItsPlace()
    {
        SevHashTable table = new KernelHashes(Kernel, Initrd, "x").ToTable();

        byte[] page = table.ToPage(OvmfBuilder.Complete().Build());

        Assert.Equal(4096, page.Length);
        Assert.Equal(table.Bytes, page.AsSpan(0xc00, SevHashTable.PaddedSize));
        Assert.False(page.AsSpan(0, 0xc00).ContainsAnyExcept((byte)0));
        Assert.False(page.AsSpan(0xc00 + SevHashTable.PaddedSize).ContainsAnyExcept((byte)0));
        Assert.Equal(0x810c00UL, SevHashTable.GetGpa(OvmfBuilder.Complete().Build()));
    }

    [Fact]
    public void ToPage_FirmwareThatWouldIgnoreIt_IsRefused()
    {
        SevHashTable table = new KernelHashes(Kernel, Initrd, "x").ToTable();

        Assert.Contains("it has size 0", Refuse(Place(0x810000, 0)), StringComparison.Ordinal);
        Assert.Contains("it has 175 bytes", Refuse(Place(0x810c00, 175)), StringComparison.Ordinal);
        Assert.Contains("is not in the page", Refuse(Place(0x80fc00, 0x400)), StringComparison.Ordinal);
        Assert.Contains("is not in the page", Refuse(Place(0x811000, 0x400)), StringComparison.Ordinal);
        Assert.Contains("is not in the page", Refuse(Place(0x810f51, 0x400)), StringComparison.Ordinal);
        Assert.Contains(
            "no SNP_KERNEL_HASHES section",
            Refuse(new OvmfBuilder().Add(OvmfTableIds.HashArea, 0x810c00, 0x400)),
            StringComparison.Ordinal);
        Assert.Equal(4096, table.ToPage(Place(0x810f50, 0x400).Build()).Length);

        string Refuse(OvmfBuilder builder) => Assert.Throws<SevFormatException>(() => table.ToPage(builder.Build())).Message;
    }

    [Fact]
    public void Constructor_WrongLength_IsRefused() => Assert.Throws<ArgumentException>(() =>
        new SevHashTable(Kernel, Initrd, Kernel.AsSpan(1)));

    [Fact]
    public void Parse_TruncatedOrMutated_OnlyRefuses()
    {
        byte[] valid = new KernelHashes(Kernel, Initrd, "x").ToTable().Bytes.ToArray();
        Fuzz.Truncate(valid, bytes => Assert.Equal(valid, SevHashTable.Parse(bytes, "fuzz").Bytes));
        Fuzz.Mutate([valid], bytes => Assert.Equal(SevHashTable.PaddedSize, SevHashTable.Parse(bytes, "fuzz").Bytes.Length));
    }

    private static OvmfBuilder Place(uint hashBase, uint size) =>
        OvmfBuilder.Complete().Remove(OvmfTableIds.HashArea).Add(OvmfTableIds.HashArea, hashBase, size);
}
