namespace KvmSevVmm.Sev.Tests;

/// <summary>Flips every single bit of a valid file in turn.</summary>
internal static class BitFlips
{
    internal static IEnumerable<(int Bit, byte[] Damaged)> Of(byte[] valid)
    {
        for (int bit = 0; bit < valid.Length * 8; bit++)
        {
            byte[] damaged = [.. valid];
            damaged[bit / 8] ^= (byte)(1 << (bit % 8));
            yield return (bit, damaged);
        }
    }
}
