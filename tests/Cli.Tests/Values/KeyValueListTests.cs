using KvmSevVmm.Cli.Parsing;
using KvmSevVmm.Cli.Values;

namespace KvmSevVmm.Cli.Tests.Values;

public sealed class KeyValueListTests
{
    [Theory]
    [InlineData("simulated", "simulated", null)]
    [InlineData("mode=simulated", "simulated", null)]
    [InlineData("simulated,cbitpos=47", "simulated", "47")]
    [InlineData("cbitpos=47,mode=simulated", "simulated", "47")]
    [InlineData("cbitpos=47", null, "47")]
    [InlineData("mode=a=b", "a=b", null)]
    public void Parse_List_GivesValues(string text, string? mode, string? bit)
    {
        KeyValueList list = KeyValueList.Parse("--sev", text, "mode", "cbitpos");

        Assert.Equal(mode, list.Get("mode"));
        Assert.Equal(bit, list.Get("cbitpos"));
    }

    [Theory]
    [InlineData("simulated,cbitpso=47", "--sev: unknown key 'cbitpso'", "did you mean 'cbitpos'?")]
    [InlineData("simulated,zzz=1", "--sev: unknown key 'zzz'", "the keys are: mode, cbitpos")]
    [InlineData("simulated,", "--sev: unknown key ''", "the keys are: mode, cbitpos")]
    [InlineData("simulated,47", "--sev: unknown key '47'", "the keys are: mode, cbitpos")]
    [InlineData("simulated,cbitpos", "--sev: cbitpos needs a value", "write cbitpos=…")]
    [InlineData("simulated,cbitpos=", "--sev: cbitpos needs a value", "write cbitpos=…")]
    [InlineData("", "--sev: mode needs a value", "write mode=…")]
    [InlineData(",cbitpos=47", "--sev: mode needs a value", "write mode=…")]
    [InlineData("simulated,mode=sev", "--sev: mode is given twice", null)]
    public void Parse_BadList_NamesTheKey(string text, string message, string? hint)
    {
        UsageException error = Assert.Throws<UsageException>(() => KeyValueList.Parse("--sev", text, "mode", "cbitpos"));

        Assert.Equal(message, error.Message);
        Assert.Equal(hint, error.Hint);
    }
}
