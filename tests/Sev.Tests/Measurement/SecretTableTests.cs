using KvmSevVmm.Sev.Measurement;
using Xunit;

namespace KvmSevVmm.Sev.Tests.Measurement;

public sealed class SecretTableTests
{
    private static readonly Guid DiskKey = new("736869e5-84f0-4973-92ec-06879ce3da0b");
    private static readonly Guid Other = new("00112233-4455-6677-8899-aabbccddeeff");

    [Fact]
    public void ToBytes_TwoSecrets_IsGolden()
    {
        byte[] table = SecretTable.ToBytes([new SecretEntry(DiskKey, "abc"u8.ToArray()), new SecretEntry(Other, Array.Empty<byte>())]);

        Assert.Equal(
            "42f5741edd71664d963eef4287ff173b3f000000"
            + "e5696873f084734992ec06879ce3da0b17000000616263"
            + "33221100554477668899aabbccddeeff14000000"
            + "00",
            Convert.ToHexStringLower(table));
        IReadOnlyList<SecretEntry> read = SecretTable.Parse(table, "table");
        Assert.Equal([DiskKey, Other], read.Select(entry => entry.Id));
        Assert.Equal("abc"u8.ToArray(), read[0].Data.ToArray());
        Assert.True(read[1].Data.IsEmpty);
    }

    [Fact]
    public void ToBytes_AnySizes_RoundTripInWholeBlocks()
    {
        Random random = new(11);
        for (int round = 0; round < 200; round++)
        {
            List<SecretEntry> entries = [];
            for (int count = random.Next(5); count > 0; count--)
            {
                byte[] data = new byte[random.Next(100)];
                random.NextBytes(data);
                entries.Add(new SecretEntry(Guid.NewGuid(), data));
            }

            byte[] table = SecretTable.ToBytes(entries);
            IReadOnlyList<SecretEntry> read = SecretTable.Parse(table, "table");

            Assert.Equal(0, table.Length % 16);
            Assert.Equal(
                entries.Select(entry => (entry.Id, Convert.ToHexString(entry.Data.Span))),
                read.Select(entry => (entry.Id, Convert.ToHexString(entry.Data.Span))));
        }
    }

    [Theory]
    [InlineData(0, 0xFF, "secret table GUID")]
    [InlineData(16, 0xFF, "secret table length")]
    [InlineData(16, 3, "secret table length")]
    [InlineData(19, 0x80, "secret table length")]
    [InlineData(36, 0xFF, "secret 1 length")]
    [InlineData(36, 19, "secret 1 length")]
    [InlineData(16, 0x30, "secret 2")]
    [InlineData(63, 1, "secret table padding")]
    public void Parse_BadField_IsNamed(int offset, byte value, string field)
    {
        byte[] table = SecretTable.ToBytes([new SecretEntry(DiskKey, "abc"u8.ToArray()), new SecretEntry(Other, Array.Empty<byte>())]);
        table[offset] = value;

        if (field == "secret 2")
        {
            // A table that ends inside the second head.
            table.AsSpan(0x30).Clear();
        }

        Assert.Equal(field, Assert.Throws<SevFormatException>(() => SecretTable.Parse(table, "table")).Field);
    }

    [Fact]
    public void Parse_TruncatedOrMutated_OnlyRefuses()
    {
        byte[] table = SecretTable.ToBytes([new SecretEntry(DiskKey, new byte[40]), new SecretEntry(Other, new byte[5])]);
        Fuzz.Truncate(table, bytes => SecretTable.Parse(bytes, "fuzz"));
        Fuzz.Mutate([table], bytes => Assert.InRange(SecretTable.Parse(bytes, "fuzz").Count, 0, bytes.Length / 20));
    }
}
