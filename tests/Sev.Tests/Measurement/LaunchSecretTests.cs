using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text.Json;
using KvmSevVmm.Sev.Measurement;
using KvmSevVmm.Sev.Psp;
using KvmSevVmm.Sev.Sessions;
using Xunit;

namespace KvmSevVmm.Sev.Tests.Measurement;

public sealed class LaunchSecretTests
{
    [Fact]
    public void Package_SevctlsSecret_IsTheSameToTheBit()
    {
        JsonElement vector = Vectors.Json("virtee-sevctl/secret.json").GetProperty("cases")[0];
        JsonElement inputs = vector.GetProperty("inputs");
        JsonElement secret = inputs.GetProperty("secrets")[0];
        SecretEntry entry = new(Guid.Parse(secret[0].GetString()!), Vectors.Bytes($"virtee-sevctl/{secret[1].GetString()}"));
        using TransportKeys keys = TransportKeys.Read(
            Vectors.Path($"virtee-sevctl/{inputs.GetProperty("tek").GetString()}"),
            Vectors.Path($"virtee-sevctl/{inputs.GetProperty("tik").GetString()}"));
        LaunchMeasurement measurement = LaunchMeasurement.ParseBase64(
            inputs.GetProperty("launch_measure_blob_b64").GetString()!,
            "measurement");
        byte[] table = SecretTable.ToBytes([entry]);

        TransportPacket packet = LaunchSecret.Package(keys, measurement, table, new FixedSource(inputs.Base64("iv_b64")));

        Assert.Equal(vector.GetProperty("expect").Base64("header_b64"), packet.Header.ToArray());
        Assert.Equal(vector.GetProperty("expect").Base64("payload_b64"), packet.Data.ToArray());
        SecretOpening opening = LaunchSecret.Open(keys, packet.Header, packet.Data, (uint)table.Length, measurement.Measure);
        SecretEntry read = Assert.Single(SecretTable.Parse(opening.Secret, "table"));
        Assert.Equal(entry.Id, read.Id);
        Assert.Equal(entry.Data.ToArray(), read.Data.ToArray());
    }

    [Fact]
    public void Open_SevToolsSecret_GivesTheText()
    {
        SevToolSecret vector = SevToolSecret.Read();

        SecretOpening opening = LaunchSecret.Open(vector.Keys, vector.Header, vector.Data, (uint)vector.Data.Length, vector.Measure);

        Assert.Equal(PspStatus.Success, opening.Status);
        Assert.Equal(vector.Plain, opening.Secret);
        TransportPacket packet = TransportPacket.Parse(vector.Header, vector.Data, "secret");
        Assert.Equal(vector.Iv, packet.Iv.ToArray());
        Assert.Equal(vector.Mac, packet.Mac.ToArray());
        LaunchMeasurement measurement = LaunchMeasurement.Join(vector.Measure, new byte[16]);
        TransportPacket ours = LaunchSecret.Package(vector.Keys, measurement, vector.Plain, new FixedSource(vector.Iv));
        Assert.Equal(vector.Header, ours.Header.ToArray());
        Assert.Equal(vector.Data, ours.Data.ToArray());
    }

    [Fact]
    public void Open_EveryBitFlipped_IsBadMeasurement()
    {
        SevToolSecret vector = SevToolSecret.Read();
        uint length = (uint)vector.Data.Length;
        foreach ((int bit, byte[] damaged) in BitFlips.Of(vector.Header))
        {
            Check(LaunchSecret.Open(vector.Keys, damaged, vector.Data, length, vector.Measure), $"header bit {bit}");
        }

        foreach ((int bit, byte[] damaged) in BitFlips.Of(vector.Data))
        {
            Check(LaunchSecret.Open(vector.Keys, vector.Header, damaged, length, vector.Measure), $"data bit {bit}");
        }

        foreach ((int bit, byte[] damaged) in BitFlips.Of(vector.Measure))
        {
            Check(LaunchSecret.Open(vector.Keys, vector.Header, vector.Data, length, damaged), $"measurement bit {bit}");
        }

        foreach ((int bit, byte[] damaged) in BitFlips.Of(vector.Keys.Tik.ToArray()))
        {
            using TransportKeys other = new(vector.Keys.Tek, damaged);
            Check(LaunchSecret.Open(other, vector.Header, vector.Data, length, vector.Measure), $"TIK bit {bit}");
        }

        static void Check(SecretOpening opening, string what)
        {
            Assert.True(opening.Status == PspStatus.BadMeasurement, what);
            Assert.Null(opening.Secret);
        }
    }

    [Theory]
    [InlineData(0, 0u)]
    [InlineData(16, 32u)]
    [InlineData(32, 16u)]
    [InlineData(17, 17u)]
    [InlineData(0x5010, 0x5010u)]
    public void Open_LengthsThatTheFirmwareRefuses_AreInvalidLength(int dataLength, uint guestLength)
    {
        using TransportKeys keys = TransportKeys.Create(SystemRandomSource.Instance);
        TransportPacket packet = TransportPacket.Seal(
            PacketContext.Secret,
            keys,
            new byte[dataLength],
            new byte[32],
            SystemRandomSource.Instance);

        Assert.Equal(
            PspStatus.InvalidLength,
            LaunchSecret.Open(keys, packet.Header, packet.Data, guestLength, new byte[32]).Status);
    }

    [Fact]
    public void Open_FirmwaresLimitAndHeaderLength_AreKept()
    {
        using TransportKeys keys = TransportKeys.Create(SystemRandomSource.Instance);
        TransportPacket packet = TransportPacket.Seal(
            PacketContext.Secret,
            keys,
            new byte[LaunchSecret.MaximumSize],
            new byte[32],
            SystemRandomSource.Instance);

        Assert.Equal(PspStatus.Success, LaunchSecret.Open(keys, packet.Header, packet.Data, 0x5000, new byte[32]).Status);
        Assert.Equal(PspStatus.InvalidLength, LaunchSecret.Open(keys, packet.Header[1..], packet.Data, 0x5000, new byte[32]).Status);
    }

    [Fact]
    public void Open_CompressedButGenuine_IsUnsupported()
    {
        using TransportKeys keys = TransportKeys.Create(SystemRandomSource.Instance);
        byte[] data = new byte[16];
        byte[] header = new byte[TransportPacket.HeaderSize];
        header[0] = (byte)TransportPacket.CompressedFlag;
        byte[] lengths = new byte[8];
        BinaryPrimitives.WriteUInt32LittleEndian(lengths, 16);
        BinaryPrimitives.WriteUInt32LittleEndian(lengths.AsSpan(4), 16);
        byte[] message = [1, .. header[..20], .. lengths, .. data, .. new byte[32]];
        HMACSHA256.HashData(keys.Tik, message).CopyTo(header, 20);

        SecretOpening opening = LaunchSecret.Open(keys, header, data, 16, new byte[32]);

        Assert.Equal(PspStatus.Unsupported, opening.Status);
        Assert.Null(opening.Secret);
    }

    [Fact]
    public void TryOpen_PacketOfAnotherContext_IsRefused()
    {
        using TransportKeys keys = TransportKeys.Create(SystemRandomSource.Instance);
        TransportPacket packet = TransportPacket.Seal(PacketContext.Data, keys, new byte[4096], [], SystemRandomSource.Instance);

        Assert.True(packet.TryOpen(PacketContext.Data, keys, 4096, [], out byte[]? page));
        Assert.Equal(new byte[4096], page);
        Assert.False(packet.Data.SequenceEqual(new byte[4096]));
        Assert.False(packet.TryOpen(PacketContext.Secret, keys, 4096, [], out _));
        Assert.False(packet.TryOpen(PacketContext.Data, keys, 4095, [], out _));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(15)]
    [InlineData(0x4010)]
    public void Package_LengthNotAllowed_IsRefused(int length)
    {
        using TransportKeys keys = TransportKeys.Create(SystemRandomSource.Instance);
        LaunchMeasurement measurement = LaunchMeasurement.Join(new byte[32], new byte[16]);

        Assert.Equal(
            "length",
            Assert.Throws<SevFormatException>(
                () => LaunchSecret.Package(keys, measurement, new byte[length], SystemRandomSource.Instance)).Field);
    }

    [Fact]
    public void Open_TruncatedOrMutated_NeverCrashes()
    {
        SevToolSecret vector = SevToolSecret.Read();
        byte[] joined = [.. vector.Header, .. vector.Data];
        Fuzz.Truncate(joined, bytes => Assert.NotEqual(PspStatus.Success, Open(bytes)));
        Fuzz.Mutate([joined], bytes => Assert.Equal(bytes.AsSpan().SequenceEqual(joined), Open(bytes) == PspStatus.Success));

        PspStatus Open(byte[] bytes)
        {
            int split = Math.Min(bytes.Length, TransportPacket.HeaderSize);
            uint length = (uint)(bytes.Length - split);
            return LaunchSecret.Open(vector.Keys, bytes.AsSpan(0, split), bytes.AsSpan(split), length, vector.Measure).Status;
        }
    }

    private sealed record SevToolSecret(TransportKeys Keys, byte[] Header, byte[] Data, byte[] Plain, byte[] Measure, byte[] Iv, byte[] Mac)
    {
        internal static SevToolSecret Read()
        {
            JsonElement expect = Vectors.Json("amd-sev-tool/full-flow/expect.json");
            return new SevToolSecret(
                TransportKeys.ReadCombined(Vectors.Path("amd-sev-tool/full-flow/tmp_tk.bin")),
                Vectors.Bytes("amd-sev-tool/full-flow/packaged_secret_header.bin"),
                Vectors.Bytes("amd-sev-tool/full-flow/packaged_secret.bin"),
                Vectors.Bytes("amd-sev-tool/full-flow/secret.txt"),
                expect.Hex("measure"),
                expect.Hex("secret_iv"),
                expect.Hex("secret_mac"));
        }
    }

    private sealed class FixedSource(byte[] bytes) : IRandomSource
    {
        public void Fill(Span<byte> destination) => bytes.AsSpan(0, destination.Length).CopyTo(destination);
    }
}
